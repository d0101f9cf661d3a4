"""What happens without a caller: jobs, and the loop that repeats them."""

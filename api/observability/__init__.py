"""What is seen from outside: a log line for each request, metrics and traces, and no personal data in any of them."""

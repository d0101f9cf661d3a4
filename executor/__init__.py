"""The plan compiler: a validated operation becomes functions that answer it level by level.

It knows GraphQL and batch functions and nothing of customers or points; docs/executor.md explains it in a page.
"""

"""MongoDB: the client, the embedded server, collections, migrations, and one module of queries per noun.

Nothing outside this package knows which driver is used or how a document is found.
"""

"""What clients see: the types, inputs and operations of the contract. schema.graphql is generated from here.

A field is of one of three kinds (schema/fields.py): stored in the document it hangs on, computed from it, or a
relation answered by a batch function for all parents at once.
"""

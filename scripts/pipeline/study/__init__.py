"""Several seeds of several versions, and what they say of the report's claims."""

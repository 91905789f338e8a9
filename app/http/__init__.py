"""Everything between WSGI and a view: who may call, what comes in, what goes out."""

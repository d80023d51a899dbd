"""HTTP in, HTTP out: a small framework inside functions-framework's application, without a second Flask application."""

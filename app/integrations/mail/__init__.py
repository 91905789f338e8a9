"""Mail: texts in each language, and the SMTP server that they go through."""

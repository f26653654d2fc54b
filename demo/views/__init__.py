"""Plain values in, HTML or JSON out: everything the page shows that can be tested without a server.

No module here imports gradio or torch. Everything a person or a model wrote is escaped.
"""

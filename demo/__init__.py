"""The page: what a person sees. Only this package knows gradio, and `slm` works without it."""

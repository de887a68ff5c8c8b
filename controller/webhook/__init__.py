"""The admission webhook: the only package that knows FastAPI, Starlette and uvicorn."""

"""Prompts as data: one Markdown file a task, rendered by :func:`foveal.prompts.loader.render`."""

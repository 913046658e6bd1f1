"""Runs that survive: what was asked, every call and event, and the checkpoints to go on from.

``<home>/runs.db`` is Foveal's own record (:mod:`.store`, :mod:`.journal`); ``<home>/checkpoints.db`` is where LangGraph
goes on from (:mod:`foveal.graphs.saver`), and is emptied of a run when it has finished; ``<home>/locks`` says who works
on what (:mod:`.lease`).
"""

"""Language models behind one protocol (:class:`foveal.protocols.ChatModel`); see :mod:`.registry`."""

"""How a model is trained: its schedule, its graph, the rows it is watched on."""

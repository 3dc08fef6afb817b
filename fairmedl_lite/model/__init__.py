"""The model, all the Keras: layers, losses, the network."""

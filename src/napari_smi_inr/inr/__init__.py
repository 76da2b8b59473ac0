"""The implicit neural representation: configuration, network, loss, training, fitted field."""

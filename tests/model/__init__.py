"""The life of a job as a TLA+ model, and the mistakes that the model must keep finding."""

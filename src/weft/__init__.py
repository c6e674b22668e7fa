"""weft: a self-hosted job service with three published Microsoft job contracts over one durable engine."""

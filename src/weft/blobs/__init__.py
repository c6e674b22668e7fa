"""Blobs: what an import reads and where its log goes, in local directories and in Azure Blob Storage."""

"""The OneLake face: the part of the Azure Data Lake Storage Gen2 API that workloads keep files with."""

"""A folder of many scans: found, fitted each as one task on as many machines as there are, and reported on."""

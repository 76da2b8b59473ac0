"""What every method of fitting shares: settings, progress, result, record."""

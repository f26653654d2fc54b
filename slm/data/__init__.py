"""From stories to batches: sources, the prepared data set on disk, and the windows a training step sees."""

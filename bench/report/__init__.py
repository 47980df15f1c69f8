"""Tables, plots and the page, from stored records alone: nothing here imports torch."""

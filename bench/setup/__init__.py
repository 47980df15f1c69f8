"""From the words of a command to what a run needs: configuration, class, options, data, width."""

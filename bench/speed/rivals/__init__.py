"""Models of other libraries, with the layers and weights of ours."""

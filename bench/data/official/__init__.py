"""The official files of published tables, read by the recipe of Papamakarios et al. (2017)."""

"""Small trainings of the paper's systems: data that is made here, networks, baselines, pictures."""

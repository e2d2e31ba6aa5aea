"""What a kind of task declares, and what planning and executing its tasks are given."""

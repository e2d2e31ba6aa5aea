"""Pages of HTML: of one run, and of a leaderboard."""

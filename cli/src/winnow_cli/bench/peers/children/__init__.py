"""One script for each tool; beside the tool and what it brings, it finds only this package."""

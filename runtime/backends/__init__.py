"""Find the backends this dist brings, prove them on this machine, choose the best survivor."""

"""Study of whether signals say anything about prices; "no evidence" is one of its answers."""

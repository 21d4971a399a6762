"""Labels by large language models: prompt, clients, prices, budget, and a journal."""

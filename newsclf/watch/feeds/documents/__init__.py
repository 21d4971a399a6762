"""Documents of news sources, as bytes, to items: feeds, answers of news APIs, and files."""

"""The HTML page of a comparison: records in, one offline file out. Loads jinja2 and Plotly only when a page is made."""

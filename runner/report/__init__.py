"""The page of a study: one HTML file that opens without a network, or a live one while the study trains.

`content` collects what the page says and shows, from the code in `analysis`; `axes`, `curves`, `claims` and `cells` are
parts of it. `render` makes the file from the template, style and script in the folder `page`; `live` serves it.
Nothing is computed in the script: it draws numbers that stand in the page.
"""

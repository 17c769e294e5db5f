"""Equal strings, each a new object, as parsers and databases make them."""

rows = []


def leak(i):
    rows.append({"country": "".join(["United ", "Kingdom of Great Britain"]), "state": "".join(["never ", "changes"])})


if __name__ == "__main__":
    import leaking
    leaking.run(leak, 5000)

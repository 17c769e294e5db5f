"""Equal strings, each a new object, as parsers and databases make them."""

rows = []


def leak(i):
    for _ in range(10):
        rows.append({"country": "".join(["United ", "Kingdom of Great Britain"]), "state": "".join(["never ", "changes"])})


if __name__ == "__main__":
    import leaking
    leaking.run(leak)

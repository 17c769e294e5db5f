"""Scripts of users become modules of sys.modules, under the hash of their text, or under a word: argument `words`."""
import hashlib
import sys
import types

CODE = "def main():\n    return %d\nTABLE = list(range(100))\n"


def name_of(i):
    if sys.argv[1:] == ["words"]:
        return "script_" + "".join(chr(ord("g") + int(digit)) for digit in str(i))
    return "script_" + hashlib.md5(b"%d" % i).hexdigest()


def leak(i):
    module = types.ModuleType(name_of(i))
    exec(CODE % i, module.__dict__)
    sys.modules[module.__name__] = module


if __name__ == "__main__":
    import leaking
    leaking.run(leak, 300)

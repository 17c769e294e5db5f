"""Uses a package whose tables of constants are some part of the memory. usage: library_tables.py FOLDER, in which
site-packages/tables_of_constants.py is made.
"""
import os
import sys

if __name__ == "__main__":
    folder = os.path.join(sys.argv[1], "site-packages")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "tables_of_constants.py"), "w") as module:
        module.write("NAMES = {i: 'constant number %d of this library' % i for i in range(1500)}\n"
                     "CODES = {'code %d' % i: [i] for i in range(600)}\n")
    sys.path.insert(0, folder)
    import leaking
    import tables_of_constants
    leaking.run(tables_of_constants.NAMES.get, 10)

"""Uses a package whose functions are all wrapped by a decorator, each with a table of its own, and listed. usage:
decorated_library.py FOLDER, in which site-packages/decorated_functions.py is made.
"""
import os
import sys

MODULE = '''
import functools
WRAPPERS = []
def cached(function):
    table = {"key %d of %s" % (i, function.__name__): [i] for i in range(40)}
    @functools.wraps(function)
    def wrapper(*arguments):
        return table.get(arguments) or function(*arguments)
    WRAPPERS.append(wrapper)
    return wrapper
class Matrix:
    pass
def make(number):
    def property_of(self):
        return number
    property_of.__name__ = "property_%d" % number
    return property(cached(property_of))
for number in range(100):
    setattr(Matrix, "property_%d" % number, make(number))
'''

if __name__ == "__main__":
    folder = os.path.join(sys.argv[1], "site-packages")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "decorated_functions.py"), "w") as module:
        module.write(MODULE)
    sys.path.insert(0, folder)
    import decorated_functions
    import leaking
    leaking.run(lambda i: decorated_functions.Matrix().property_7, 10)

/* A program that is not Python and has one inside: runs the file that is its first argument. */
#include <Python.h>
#include <stdlib.h>

int main(int argc, char** argv) {
  (void)argc;
  (void)argv;
  Py_Initialize();
  /* Python 3.7 to 3.15 have no other way in common to give it arguments. EMBEDDED holds them, a line each. */
  const int failed = PyRun_SimpleString(
      "import os, sys\n"
      "sys.argv = os.environ['EMBEDDED'].split('\\n')\n"
      "sys.path.insert(0, os.path.dirname(sys.argv[0]))\n"
      "with open(sys.argv[0]) as source:\n"
      "    source = source.read()\n"
      "exec(compile(source, sys.argv[0], 'exec'))\n");
  return failed ? EXIT_FAILURE : Py_FinalizeEx();
}

/* An extension for native_memory.py: types whose memory and references only their own C code knows. */
#include <Python.h>
#include <stdlib.h>

/* No collector support: a list of small C nodes, one large block, and a reference that nothing tells. */
struct node {
  struct node* next;
  char rest[88];
};
struct holder {
  PyObject_HEAD
  struct node* nodes;
  void* block;
  PyObject* label;
};

static void holder_dealloc(PyObject* self) {
  struct holder* h = (struct holder*)self;
  for (struct node* each = h->nodes; each;) {
    struct node* next = each->next;
    free(each);
    each = next;
  }
  free(h->block);
  Py_XDECREF(h->label);
  PyObject_Free(self);
}
static PyTypeObject holder_type = {PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native_memory.Holder",
                                   .tp_basicsize = sizeof(struct holder),
                                   .tp_flags = Py_TPFLAGS_DEFAULT,
                                   .tp_dealloc = holder_dealloc};

/* What every holder that was ever made has, as pybind11 keeps a table of all its objects. */
static void** everything;
static size_t known;

static void remember(void* each) {
  everything[known++ % 1000] = each;
}

static void free_payload(PyObject* capsule) {
  free(PyCapsule_GetPointer(capsule, NULL));
}
static PyObject* make_capsule(PyObject* module, PyObject* arguments) {
  Py_ssize_t bytes;
  if (!PyArg_ParseTuple(arguments, "n", &bytes)) return NULL;
  return PyCapsule_New(calloc(1, (size_t)bytes), NULL, free_payload);
}
static PyObject* make_table(PyObject* module, PyObject* nothing) {
  everything = calloc(1000, sizeof *everything);
  return PyCapsule_New(everything, NULL, NULL);
}

/* Larger than its type says, as what cffi's ffi.new() makes. */
static PyTypeObject longer_type = {PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native_memory.Longer",
                                   .tp_basicsize = sizeof(PyObject) + 8,
                                   .tp_flags = Py_TPFLAGS_DEFAULT,
                                   .tp_dealloc = (destructor)PyObject_Free};

static PyObject* make_longer(PyObject* module, PyObject* arguments) {
  Py_ssize_t bytes;
  if (!PyArg_ParseTuple(arguments, "n", &bytes)) return NULL;
  PyObject* made = PyObject_Malloc(sizeof(PyObject) + 8 + (size_t)bytes);
  if (!made) return NULL;
  memset((char*)made, 1, sizeof(PyObject) + 8 + (size_t)bytes);
  return PyObject_Init(made, &longer_type);
}

static PyObject* make_holder(PyObject* module, PyObject* arguments) {
  Py_ssize_t nodes, block;
  PyObject* label;
  if (!PyArg_ParseTuple(arguments, "nnO", &nodes, &block, &label)) return NULL;
  struct holder* made = PyObject_New(struct holder, &holder_type);
  if (!made) return NULL;
  made->nodes = NULL;
  for (Py_ssize_t i = 0; i < nodes; ++i) {
    struct node* one = calloc(1, sizeof *one);
    one->next = made->nodes;
    made->nodes = one;
  }
  made->block = malloc((size_t)block);
  memset(made->block, 1, (size_t)block);
  remember(made->block);
  remember(made->nodes);
  Py_INCREF(label);
  made->label = label;
  return (PyObject*)made;
}

/* Says of itself that it has terabytes: where a count of items would be there is a pointer, and its __sizeof__
 * believes it. */
struct boaster {
  PyObject_HEAD
  void* where_a_count_would_be;
  char rest[40];
};

static PyObject* boaster_sizeof(PyObject* self, PyObject* nothing) {
  return PyLong_FromSsize_t(48 + (Py_ssize_t)((struct boaster*)self)->where_a_count_would_be);
}
static int boaster_traverse(PyObject* self, visitproc visit, void* arg) { return 0; }
static void boaster_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  PyObject_GC_Del(self);
}
static PyMethodDef boaster_methods[] = {{"__sizeof__", boaster_sizeof, METH_NOARGS, ""}, {NULL, NULL, 0, NULL}};
static PyTypeObject boaster_type = {PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native_memory.Boaster",
                                    .tp_basicsize = sizeof(struct boaster),
                                    .tp_itemsize = 1,
                                    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
                                    .tp_methods = boaster_methods,
                                    .tp_traverse = boaster_traverse,
                                    .tp_dealloc = boaster_dealloc};

static PyObject* make_boaster(PyObject* module, PyObject* nothing) {
  struct boaster* made = (struct boaster*)PyObject_GC_NewVar(struct boaster, &boaster_type, 64);
  if (!made) return NULL;
  made->where_a_count_would_be = made;
  PyObject_GC_Track((PyObject*)made);
  return (PyObject*)made;
}

static PyMethodDef functions[] = {{"holder", make_holder, METH_VARARGS, "holder(nodes, bytes of a block, label)"},
                                  {"capsule", make_capsule, METH_VARARGS, "capsule(bytes)"},
                                  {"longer", make_longer, METH_VARARGS, "longer(bytes)"},
                                  {"table", make_table, METH_NOARGS, ""},
                                  {"boaster", make_boaster, METH_NOARGS, ""},
                                  {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "native_memory", NULL, -1, functions};

PyMODINIT_FUNC PyInit_native_memory(void) {
  if (PyType_Ready(&holder_type) || PyType_Ready(&boaster_type) || PyType_Ready(&longer_type)) return NULL;
  return PyModule_Create(&definition);
}

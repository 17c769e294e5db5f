#include "lib/query/sqlite_descriptor.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace heapglass {
namespace {

struct OpenFile : sqlite3_file {
  int descriptor;
};
int descriptor_of(sqlite3_file* file) { return static_cast<OpenFile*>(file)->descriptor; }

int close_file(sqlite3_file*) { return SQLITE_OK; }

int read_file(sqlite3_file* file, void* to, int count, sqlite3_int64 from) {
  auto* const bytes = static_cast<char*>(to);
  for (int done = 0; done < count;) {
    const ssize_t n =
        pread(descriptor_of(file), bytes + done, static_cast<std::size_t>(count - done), from + done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SQLITE_IOERR_READ;
    if (n == 0) {
      std::memset(bytes + done, 0, static_cast<std::size_t>(count - done));
      return SQLITE_IOERR_SHORT_READ;
    }
    done += static_cast<int>(n);
  }
  return SQLITE_OK;
}

int write_file(sqlite3_file* file, const void* from, int count, sqlite3_int64 to) {
  const auto* const bytes = static_cast<const char*>(from);
  for (int done = 0; done < count;) {
    const ssize_t n =
        pwrite(descriptor_of(file), bytes + done, static_cast<std::size_t>(count - done), to + done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == ENOSPC || errno == EDQUOT ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    done += static_cast<int>(n);
  }
  return SQLITE_OK;
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  return ftruncate(descriptor_of(file), size) == 0 ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

int size_of_file(sqlite3_file* file, sqlite3_int64* size) {
  struct stat status {};
  if (fstat(descriptor_of(file), &status) != 0) return SQLITE_IOERR_FSTAT;
  *size = status.st_size;
  return SQLITE_OK;
}

// Who renames the file to its place has it on the disk before.
int sync_file(sqlite3_file*, int) { return SQLITE_OK; }

// Nobody else has it.
int lock_file(sqlite3_file*, int) { return SQLITE_OK; }
int is_reserved(sqlite3_file*, int* reserved) {
  *reserved = 0;
  return SQLITE_OK;
}

int control_file(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int sector_size(sqlite3_file*) { return 4096; }
int characteristics(sqlite3_file*) { return 0; }

constexpr sqlite3_io_methods kMethods = {
    1,         close_file, read_file,   write_file,   truncate_file, sync_file,      size_of_file,
    lock_file, lock_file,  is_reserved, control_file, sector_size,   characteristics};

int open_file(sqlite3_vfs* files, const char*, sqlite3_file* file, int flags, int* out_flags) {
  file->pMethods = nullptr;
  if ((flags & SQLITE_OPEN_MAIN_DB) == 0) return SQLITE_CANTOPEN;
  static_cast<OpenFile*>(file)->descriptor = *static_cast<const int*>(files->pAppData);
  file->pMethods = &kMethods;
  if (out_flags) *out_flags = flags;
  return SQLITE_OK;
}
int delete_file(sqlite3_vfs*, const char*, int) { return SQLITE_IOERR_DELETE; }
int access_file(sqlite3_vfs*, const char*, int, int* result) {
  *result = 0;
  return SQLITE_OK;
}
int full_name(sqlite3_vfs*, const char* name, int size, char* out) {
  sqlite3_snprintf(size, out, "%s", name);
  return SQLITE_OK;
}

}  // namespace

// A connection refers to it as long as it is open, and SQLite to its name: it is never taken away.
DescriptorFiles::DescriptorFiles(int descriptor) : name_("heapglass-" + std::to_string(descriptor)) {
  if (sqlite3_vfs_find(name_.c_str())) return;
  const sqlite3_vfs* const usual = sqlite3_vfs_find(nullptr);
  if (!usual) return;                           // SQLite then says that there is no such VFS
  auto* const files = new sqlite3_vfs(*usual);  // time, chance and sleep stay as they are
  files->iVersion = 1;
  files->szOsFile = sizeof(OpenFile);
  files->zName = (new std::string(name_))->c_str();
  files->pAppData = new int(descriptor);
  files->pNext = nullptr;
  files->xOpen = open_file;
  files->xDelete = delete_file;
  files->xAccess = access_file;
  files->xFullPathname = full_name;
  sqlite3_vfs_register(files, 0);
}

}  // namespace heapglass

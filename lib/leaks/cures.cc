#include "lib/leaks/cures.h"

#include <algorithm>
#include <string_view>

#include "lib/leaks/members.h"

namespace heapglass {
namespace {

constexpr KnownCure kCures[] = {
    {.owner = ".__warningregistry__",
     .says = "every text of a warning that was given here once is remembered",
     .cure =
         "The text of the warning differs each time (it has an id, a time, a value in it): mend what warns, "
         "let the text be the same each time, or warnings.filterwarnings('ignore', ...) for this category "
         "in this module; what is ignored is not remembered."},
    {.owner = "sys.path",
     .says = "each import that finds nothing looks into all of them",
     .cure = "Put a folder there once: test `if folder not in sys.path`, and not for each request or plugin; "
             "importlib.util.spec_from_file_location() loads one file without it."},
    {.owner = "warnings.filters",
     .says = "each warning is compared with all of them",
     .cure = "Call warnings.filterwarnings() once, when the program starts, with a pattern that covers all "
             "texts; for "
             "a part of the program use `with warnings.catch_warnings():`."},
    {.owner = "gc.garbage",
     .says =
         "the collector puts there what it would free while gc.set_debug() has DEBUG_SAVEALL or DEBUG_LEAK",
     .cure = "gc.set_debug(0) where the program runs for long, then gc.garbage.clear()."},
    {.owner = "logging._levelToName",
     .says = "each logging.addLevelName() adds a level for good",
     .cure = "Name a few levels when the program starts, and put what differs into the record (extra=, an "
             "adapter)."},
    {.owner = "zipimport._zip_directory_cache",
     .says = "the directory of each archive that was imported from is kept, also when the file is gone",
     .cure = "Import from one archive under one name; zipimport._zip_directory_cache.pop(path, None) drops "
             "one, and "
             "importlib.invalidate_caches() reads them anew."},
    {.owner = "._active_patches",
     .says = "unittest.mock makes a class for each mock, and keeps each patch that was started",
     .cure = "stop() each patch that start() began (mock.patch.stopall() stops all), or use `with "
             "mock.patch(...):`."},
    {.owner = ".saved",
     .holder = "itertools.cycle",
     .says = "itertools.cycle() keeps a copy of every item until its source ends",
     .cure = "Give it a source that ends soon, or call the function that makes the items again and again."},
    {.holder = "itertools._tee",
     .says = "itertools.tee() keeps what one of its iterators has taken and the others have not",
     .cure =
         "Let all take in step, drop the iterator that is not used, or make a list if all is needed anyway."},
    {.owner = ".cache",
     .holder = "shelve.",
     .says = "a shelf with writeback=True keeps every entry that was ever read or written",
     .cure = "Call sync() now and then, which writes and empties it, or open it without writeback."},
    {.owner = "._buffer",
     .holder = "asyncio.streams.StreamReader",
     .says = "more has come in than was read",
     .cure = "Read it, or close the connection that nobody reads; who feeds it by hand has to wait when it "
             "is full."},
    {.owner = ".maps",
     .holder = "collections.ChainMap",
     .says = "new_child() adds a dict and keeps all those before",
     .cure =
         "Go back to .parents when a scope ends, and make the child from the map that is to be its parent."},
    {.owner = "posix.environ",
     .says = "it is what os.environ has",
     .cure =
         "Environment variables are for what the process and its children need: keep the program's own "
         "data in a dict, give a child its own with subprocess.run(env=...), and delete what is done with."},
    {.owner = "._compiled_cache",
     .says = "SQLAlchemy keeps the compiled form of each statement that differs",
     .cure = "Bind values as parameters and do not write them into the statement's text (f-strings, "
             "literal_column), so that equal statements are one entry; in_() with lists wants "
             "bindparam(expanding=True). create_engine(query_cache_size=N) bounds it, 500 by default; more "
             "engines than one for each database make a cache each."},
    {.holder = "sqlalchemy.util._collections.LRUCache",
     .says = "SQLAlchemy keeps the compiled form of each statement that differs",
     .cure =
         "Bind values as parameters and do not write them into the statement's text (f-strings, "
         "literal_column), so that equal statements are one entry. create_engine(query_cache_size=N) bounds "
         "it, 500 by default; more engines than one for each database make a cache each."},
    {.owner = ".queries_log",
     .says = "Django remembers every query that it made while settings.DEBUG is on",
     .cure =
         "Set DEBUG = False, as in production; in a long job with it on call django.db.reset_queries() now "
         "and then."},
    {.holder = "prometheus_client.",
     .says = "every combination of label values that was ever seen has a child of its own",
     .cure =
         "Take label values from a small set (a route's name, not its path; no ids of users or requests), "
         "and remove() or clear() the children of what is gone."},
    {.content = "lxml.etree._ElementUnicodeResult",
     .says = "each such text keeps the element it was found at, and so its whole document",
     .cure = "Keep plain texts: str(result), or xpath(..., smart_strings=False)."},
    {.content = "lxml.etree._Element",
     .says = "each element keeps the whole document that it is of",
     .cure = "Take out what is needed (element.text, element.get(), str(...)) and keep that; "
             "copy.deepcopy(element) makes one without the rest of the document. While iterparse() runs, "
             "clear() each element that is done."},
    {.content = "bs4.element.",
     .says = "each keeps the whole document that it is of",
     .cure = "Keep plain texts: str(element.string) or element.get_text(); a tag or NavigableString has its "
             "whole tree with it. decompose() a tree that is done."},
    {.content = "twisted.internet.base.DelayedCall",
     .says = "each keeps the function that it will call, and the object whose method that is",
     .cure = "cancel() what reactor.callLater() returned where its object is done with."},
    {.content = "_ssl.SSLSession",
     .cure = "Keep one session for each server and replace it; a session has the certificates of its "
             "handshake, outside of Python's memory."},
    {.content = "_ssl.SSLContext",
     .cure = "Make one SSLContext and use it for all connections: each has the whole store of certificates, "
             "outside of Python's memory."},
    {.content = "concurrent.futures.",
     .says = "a future keeps its result and its exception with the frames of that",
     .cure =
         "Take a future out when its result was read (as_completed(), a callback that removes it), and use "
         "one executor, in a `with` block or with shutdown()."},
    {.owner = "_pylab_helpers.Gcf.figs",
     .says = "pyplot keeps each figure until it is closed",
     .cure = "plt.close(fig) when a figure was saved (plt.close('all') for all), or make it without pyplot: "
             "matplotlib.figure.Figure()."},
    {.holder = "unittest.mock.",
     .says = "a mock remembers each call with its arguments",
     .cure = "reset_mock() now and then, or no Mock where a program runs for long: a small class of its own "
             "that does nothing."},
    {.content = "boto3.",
     .cure = "Make one client for each service and keep using it; each has its own copy of the service's "
             "description."},
    {.holder = "botocore.loaders.Loader",
     .says =
         "botocore keeps the description of each service that a client was made of, once for each session",
     .cure = "Use one boto3 or botocore session for the whole process, and one client for each service: each "
             "session has a loader with descriptions of its own. It grows no further when all services that "
             "the program uses were met; what is left of a session goes with its clients."},
    {.owner = ".RamSession.cache",
     .says =
         "a session of a visitor who never comes back stays until its timeout, and longer without clean_freq",
     .cure =
         "tools.sessions.timeout in minutes and clean_freq above 0; sessions in files or memcached "
         "(tools.sessions.storage_class) where visitors without cookies get a new one with each request."},
    {.content = "loguru._handler.Handler",
     .says = "each logger.add() adds a handler for good",
     .cure = "Call logger.add() once, when the program starts; logger.remove(id) takes one out, and "
             "logger.bind() or contextualize() tells requests apart without one."},
    {.holder = "werkzeug.debug.DebuggedApplication",
     .says =
         "the debugger keeps the traceback and the frames, with all their variables, of every request that "
         "failed",
     .cure = "Leave the debugger out where a program runs for long: debug=False, no FLASK_DEBUG, no "
             "DebuggedApplication."},
    {.owner = "._record_buffer",
     .holder = "rich.console.Console",
     .says = "a console with record=True keeps all that is printed until it is exported",
     .cure = "Console(record=True) only around what is to be exported; export_text(clear=True) empties it."},
    {.holder = "apscheduler.jobstores.memory.MemoryJobStore",
     .says = "a job stays until its last time, and one that repeats until it is removed",
     .cure =
         "remove_job(id) when its user is done with it, or add_job(id=..., replace_existing=True) with an "
         "id that is the same each time."},
    {.owner = ".jobs",
     .content = "schedule.Job",
     .says = "a job stays until it is cancelled",
     .cure = "Add jobs when the program starts, not with each request; schedule.cancel_job(job), or return "
             "schedule.CancelJob from one that is to run once."},
    {.owner = "._out_messages",
     .holder = "paho.mqtt.client.Client",
     .says = "messages of QoS 1 and 2 wait there for the broker's answer, without bound while it is away",
     .cure = "max_queued_messages_set(N), and see whether the client is connected and loop_start() runs."},
    {.content = "twisted.internet.defer.Deferred",
     .cure = "Each waits for a callback that never came: see what was to fire them, give them a deadline "
             "(addTimeout) and take one out of where it is kept when it has fired."},
    {.content = "trio.lowlevel.Task",
     .says = "a nursery keeps each task until it ends",
     .cure = "See what the tasks wait for (heapglass stacks), and give that a deadline: "
             "trio.move_on_after(N)."},
    {.owner = ".command_stack",
     .holder = "redis.",
     .says = "a pipeline keeps its commands until it is executed",
     .cure = "execute() it after some hundred commands, or use one for each request: with "
             "client.pipeline() as pipeline."},
    {.owner = "__main__.Out",
     .module = "IPython",
     .says = "the shell remembers the result of every cell",
     .cure = "%reset -f out (or %xdel NAME) drops them; end a line with ; to keep no result, and start "
             "with --InteractiveShell.cache_size=0 to keep none at all."},
    {.owner = "__main__._oh",
     .module = "IPython",
     .says = "the shell remembers the result of every cell",
     .cure = "%reset -f out (or %xdel NAME) drops them; end a line with ; to keep no result, and start "
             "with --InteractiveShell.cache_size=0 to keep none at all."},
};

bool is_named(std::string_view name, std::string_view wanted) {
  return wanted.ends_with('.') ? name.starts_with(wanted) : name == wanted;
}

bool fits_owner(std::string_view owner, std::string_view wanted) {
  if (owner.ends_with(']')) owner = owner.substr(0, owner.rfind('['));
  return owner.ends_with(wanted);
}

bool are_mostly(const LeakSearch& search, const std::vector<NodeId>& members, std::string_view wanted) {
  constexpr std::size_t kSampled = 300;
  const std::size_t step = sample_step(members.size(), kSampled);
  std::size_t seen = 0, alike = 0;
  for (std::size_t i = 0; i < members.size(); i += step, ++seen)
    alike += is_named(search.type_of(members[i]).name, wanted);
  return alike && alike * 3 >= seen;
}

}  // namespace

const KnownCure* find_cure(const LeakSearch& search, const std::vector<NodeId>& path,
                           const std::string& owner, const std::vector<NodeId>& members) {
  for (const KnownCure& each : kCures) {
    if (each.module && search.module(each.module) == kNoNode) continue;
    if (each.owner && !fits_owner(owner, each.owner)) continue;
    if (each.holder && std::none_of(path.begin(), path.end(),
                                    [&](NodeId n) { return is_named(search.type_of(n).name, each.holder); }))
      continue;
    if (each.content && !are_mostly(search, members, each.content)) continue;
    return &each;
  }
  return nullptr;
}

}  // namespace heapglass

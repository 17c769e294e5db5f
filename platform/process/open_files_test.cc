#include "platform/process/open_files.h"

#include <gtest/gtest.h>

namespace heapglass {
namespace {

constexpr const char* kHeadings =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

TEST(SocketTable, TellsAddressesAndStates) {
  const SocketNames sockets =
      parse_socket_table(std::string(kHeadings) +
                         "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0  "
                         "      0 81726 1 0 100\n"
                         "   1: 0100007F:1F90 0200007F:CF04 08 00000000:00000029 00:00000000 00000000  1000  "
                         "      0 81730 3 0 20\n"
                         "   2: B80D0120000000000000000001000000:0050 B80D0120000000000000000002000000:A001 "
                         "63 0:0 0:0 0 0 0 9 1\n");
  EXPECT_EQ(sockets.at("81726"), "TCP 127.0.0.1:8080, LISTEN");
  EXPECT_EQ(sockets.at("81730"), "TCP 127.0.0.1:8080 to 127.0.0.2:52996, CLOSE_WAIT");
  EXPECT_EQ(sockets.at("9"), "TCP [2001:db8:0:0:0:0:0:1]:80 to [2001:db8:0:0:0:0:0:2]:40961, ?");
  EXPECT_EQ(sockets.size(), 3u);
}

TEST(SocketTable, LeavesOutLinesThatAreCut) {
  EXPECT_TRUE(parse_socket_table("").empty());
  EXPECT_TRUE(
      parse_socket_table(std::string(kHeadings) + "   0: 0100007F:1F90 00000000:0000 0A 0:0\n\n").empty());
}

}  // namespace
}  // namespace heapglass

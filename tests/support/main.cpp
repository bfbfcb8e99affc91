#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include "support/pooler.h"

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);  // as the product does
  const int code = doctest::Context(argc, argv).run();
  if (schedctl::test::left_out() > 0)
    fmt::print("{} of these test cases were left out: they need a session\n",
               schedctl::test::left_out());
  return code;
}

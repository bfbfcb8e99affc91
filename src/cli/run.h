// The whole command line: what main() calls.
#pragma once

namespace schedctl::cli {

// Parses, runs, and turns whatever is thrown into one line on stderr and an exit code.
int run(int argc, char** argv);

}  // namespace schedctl::cli

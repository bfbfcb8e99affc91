#include "cli/run.h"

int main(int argc, char** argv) { return schedctl::cli::run(argc, argv); }

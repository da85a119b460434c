// The one place where Asio's own TLS code is compiled.
#include <boost/asio/ssl/impl/src.hpp>

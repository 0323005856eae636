# SPDX-License-Identifier: GPL-2.0-or-later
# One TCP connection over the loopback on port 7000 that says something every half second.
use strict;
use warnings;
use IO::Socket::INET;

my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 7000, Listen => 1)
	or die "listen: $!";
my $client = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => 7000) or die "connect: $!";
my $peer = $server->accept or die "accept: $!";

while (1) {
	syswrite($client, "x") or die "write: $!";
	sysread($peer, my $buffer, 1) or die "read: $!";
	select(undef, undef, undef, 0.5);
}

# SPDX-License-Identifier: GPL-2.0-or-later
# An engine of containers on the unix socket it is given, as far as the source `docker` asks one: a
# single container with an address and a set, and events that never come.
use strict;
use warnings;
use IO::Socket::UNIX;

my $id = 'a' x 64;
my %answers = (
	"/containers/json?all=1" => qq([{"Id":"$id"}]),
	"/containers/$id/json" => qq({"Id":"$id","Name":"/web","State":{"Status":"created","Pid":0},)
		. qq("Config":{"Labels":{"microseg.set":"crew"}},)
		. qq("NetworkSettings":{"Networks":{"bridge":{"IPAddress":"192.0.2.9"}}}}),
);
my $server = IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 8) or die "listen: $!";
$SIG{CHLD} = 'IGNORE';

while (my $client = $server->accept) {
	next if fork;
	my ($asked) = (readline($client) // '') =~ m{^GET (\S+)};
	1 until (readline($client) // "\r\n") eq "\r\n";
	my $answer = $answers{$asked // ''};
	syswrite($client, "HTTP/1.1 200 OK\r\nConnection: close\r\n"
		. ($answer ? "Content-Length: " . length($answer) . "\r\n\r\n$answer" : "\r\n"));
	1 while !$answer && readline($client);
	exit;
}

"""What several tests share: plain references, studies in small, stand-ins, and a server of forked runners."""

; Last 4 KiB of every ROM image: from the reset vector to the guest's own code in flat 32-bit protected mode.
;
; The image tool (test/guests/rom.ts) writes the two words at `rom_base` and `rom_bytes`. The guest starts at LOAD_ADDRESS with
; paging and interrupts off, CS 8 (code), DS/ES/SS/FS/GS 0x10 (data), and every general-purpose register zero.
bits 16
org 0xf000

LOAD_ADDRESS equ 0x100000

rom_base:  dd 0
rom_bytes: dd 0

start:
        cli
        cld
        o32 lgdt [cs:gdt_pointer]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp dword 8:0xffff0000 + flat

bits 32
flat:
        mov ax, 0x10
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov fs, ax
        mov gs, ax
        mov esi, [0xffff0000 + rom_base]
        mov edi, LOAD_ADDRESS
        mov ecx, [0xffff0000 + rom_bytes]
        shr ecx, 2
        rep movsd
        lgdt [0xffff0000 + gdt_pointer]
        xor eax, eax
        xor ebx, ebx
        xor ecx, ecx
        xor edx, edx
        xor esi, esi
        xor edi, edi
        xor ebp, ebp
        xor esp, esp
        jmp dword 8:LOAD_ADDRESS

        align 8
gdt:    dq 0
        dq 0x00cf9b000000ffff
        dq 0x00cf93000000ffff
gdt_end:
gdt_pointer:
        dw gdt_end - gdt - 1
        dd 0xffff0000 + gdt

        times 0xff0 - ($ - $$) db 0
reset:  jmp start
        times 0x1000 - ($ - $$) db 0
